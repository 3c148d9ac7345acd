/* SPDX-License-Identifier: MIT */
#ifndef QT5_H
#define QT5_H

#include <QObject>

struct fired_args;
struct counted_args;

class Bell : public QObject
{
	Q_OBJECT
      signals:
	void fired(const fired_args *args);
	void counted(const counted_args *args);
};

#endif
